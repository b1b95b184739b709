import { type Command, InvalidArgumentError } from 'commander'
import { DEFAULT_ORG } from '../../shared/contract/request.ts'
import type { Cli } from '../cli.ts'
import { wholeNumber } from '../input-flags.ts'

interface KeyFlags {
  readonly roles: readonly string[]
  readonly org: readonly string[]
  readonly object: readonly string[]
  readonly operation?: readonly string[]
  readonly source?: readonly string[]
  readonly priority?: readonly string[]
  readonly maxRecords?: number
  readonly recordsPerHour?: number
  readonly recordsPerDay?: number
  readonly requestsPerMinute?: number
  readonly json?: true
}

/** `expunge key NAME`: a new key of the HTTP API. Nothing keeps it but whoever reads it here. */
export function defineKey(program: Command, cli: Cli): void {
  program
    .command('key')
    .description('make a key for the HTTP API, and its entry for the key file')
    .argument('<name>', 'who will use it')
    .requiredOption('--roles <list>', 'submit, read, approve, admin; separated by commas', commas)
    .option('--org <list>', 'orgs that it is for, or * for all', commas, [DEFAULT_ORG])
    .option('--object <list>', 'objects that it is for, or * for all', commas, ['*'])
    .option('--operation <list>', 'delete, hardDelete (default: delete)', commas)
    .option('--source <list>', 'ids, upload, file, file:/FOLDER (default: all)', commas)
    .option('--priority <list>', 'high, normal, low (default: all)', commas)
    .option('--max-records <n>', 'records that it may ask for in one request', wholeNumber)
    .option('--records-per-hour <n>', 'records of all its requests in any hour', wholeNumber)
    .option('--records-per-day <n>', 'records of all its requests in any 24 hours', wholeNumber)
    .option('--requests-per-minute <n>', 'calls in a minute (default: 600)', wholeNumber)
    .option('--json', 'print key and entry as JSON')
    .action(async (name: string, flags: KeyFlags) => makeKey(name, flags, cli))
}

async function makeKey(name: string, flags: KeyFlags, { screen }: Cli): Promise<void> {
  const { createSecret, hashOf } = await import('../../producer/http/key-secret.ts')
  const { parseKeyFile } = await import('../../producer/http/key-file.ts')
  const key = createSecret()
  const entry = { [name]: { hash: hashOf(key), ...rightsOf(flags) } }
  const yaml = await yamlOf(entry)
  // No key without an entry that its file can be read with.
  parseKeyFile(yaml, 'the new entry')
  if (flags.json) return screen.answer(JSON.stringify({ name, key, entry }))
  // Apart, so that `>> keys.yaml` takes the entry alone.
  screen.say(`The key of ${name}, shown this once:\n\n  ${key}\n\nIts entry for the key file:\n`)
  screen.answer(yaml)
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

/** What is not given stays out of the entry: the key file has its own defaults. */
function rightsOf({ roles, org, object, json: _, ...flags }: KeyFlags) {
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

/** `ids,file:/data` as the key file has it: names by type, `*` for all of a type. */
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

function commas(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('')) throw new InvalidArgumentError('Expected names, separated by commas.')
  return names
}
