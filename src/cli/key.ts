import { type Command, InvalidArgumentError } from 'commander'
import { DEFAULT_ORG } from '../shared/request.ts'
import type { Cli } from './cli.ts'
import { wholeNumber } from './input-flags.ts'

interface KeyFlags {
  readonly roles: readonly string[]
  readonly org: readonly string[]
  readonly object: readonly string[]
  readonly maxRecords?: number
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
    .option('--max-records <n>', 'records that it may ask for in one request', wholeNumber)
    .option('--requests-per-minute <n>', 'calls in a minute (default: 600)', wholeNumber)
    .option('--json', 'print key and entry as JSON')
    .action(async (name: string, flags: KeyFlags) => makeKey(name, flags, cli))
}

async function makeKey(name: string, flags: KeyFlags, { screen }: Cli): Promise<void> {
  const { createSecret, hashOf } = await import('../producer/http/key-secret.ts')
  const { parseKeyFile } = await import('../producer/http/key-file.ts')
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

function rightsOf({ roles, org, object, maxRecords, requestsPerMinute }: KeyFlags) {
  return {
    roles,
    orgs: allOrSome(org),
    objects: allOrSome(object),
    ...(maxRecords === undefined ? {} : { maxRecords }),
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
  }
}

function allOrSome(names: readonly string[]): '*' | readonly string[] {
  return names.includes('*') ? '*' : names
}

function commas(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('')) throw new InvalidArgumentError('Expected names, separated by commas.')
  return names
}
