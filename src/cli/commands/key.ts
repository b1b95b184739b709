import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import type { Flags } from '../commands.ts'

/** Creates a key for the HTTP API. It is shown once and stored nowhere. */
export async function key(
  { name, json, ...rights }: Flags<'key'>,
  { screen }: Cli,
): Promise<ExitCode> {
  const { createSecret, hashOf } = await import('../../producer/http/key-secret.ts')
  const { parseKeyFile } = await import('../../producer/http/key-file.ts')
  const secret = createSecret()
  const entry = { [name]: { hash: hashOf(secret), ...rightsOf(rights) } }
  const yaml = await yamlOf(entry)
  // Checks that the key file's parser accepts the entry before showing the key.
  parseKeyFile(yaml, 'the new entry')
  if (json) {
    screen.answerData(JSON.stringify({ name, key: secret, entry }))
    return EXIT.ok
  }
  // Printed separately, so that `>> keys.yaml` captures only the entry.
  screen.say(
    `The key of ${name}. It is not shown again:\n\n  ${secret}\n\nAdd this entry to the key file:\n`,
  )
  screen.answerData(yaml)
  return EXIT.ok
}

async function yamlOf(entry: object): Promise<string> {
  const { Document, visit } = await import('yaml')
  const document = new Document(entry)
  visit(document, {
    Seq: (_, list) => {
      list.flow = true
    },
  })
  return document.toString({ lineWidth: 0, flowCollectionPadding: false }).trimEnd()
}

/** Omitted flags stay out of the entry: the key file has its own defaults. */
function rightsOf({ roles, org, object, ...flags }: Omit<Flags<'key'>, 'name' | 'json'>) {
  const { operation: operations, source, priority: priorities, ...numbers } = flags
  const sources = source && sourcesOf(source)
  const { maxRecords, recordsPerHour, recordsPerDay, requestsPerMinute } = numbers
  const limits = { maxRecords, recordsPerHour, recordsPerDay, requestsPerMinute }
  const optional = Object.entries({ operations, sources, priorities, ...limits })
  return {
    roles,
    orgs: allOrSome(org),
    objects: allOrSome(object),
    ...Object.fromEntries(optional.filter(([, value]) => value !== undefined)),
  }
}

/** Converts `ids,file:/data` to the key file's form: names by type, `*` for all of a type. */
function sourcesOf(list: readonly string[]): Record<string, '*' | readonly string[]> {
  const names = list.map((entry) => /^([^:]*):?(.*)$/s.exec(entry) ?? [])
  const byType = Map.groupBy(names, ([, type = '']) => type)
  return Object.fromEntries(
    [...byType].map(([type, entries]) => [
      type,
      allOrSome(entries.map(([, , name]) => name || '*')),
    ]),
  )
}

function allOrSome(names: readonly string[]): '*' | readonly string[] {
  return names.includes('*') ? '*' : names
}
