import { ConfigError, type ConfigProblem } from '../../shared/base/errors.ts'
import { kindOf, YamlSection } from '../../shared/config/config-file.ts'
import { Environment } from '../../shared/config/environment.ts'
import { field, type ValueForm } from '../../shared/config/fields.ts'
import { Settings } from '../../shared/config/settings.ts'
import { parseYaml } from '../../shared/config/yaml.ts'
import { OBJECT_NAME } from '../../shared/contract/objects.ts'
import { ORG_NAME } from '../../shared/contract/org-name.ts'
import {
  OPERATIONS,
  type Operation,
  PRIORITIES,
  type Priority,
} from '../../shared/contract/request.ts'
import { SOURCE_TYPES, SOURCES, type SourceType } from '../../shared/contract/sources/sources.ts'
import { type ApiKey, ROLES, type Role, type SourceRights } from './api-key.ts'
import { parseHash } from './key-secret.ts'

/** A key of the file, and the digests of its secrets. */
interface KeyEntry {
  readonly key: ApiKey
  /** More than one while a secret is being replaced: the old and the new. */
  readonly digests: readonly Buffer[]
}

const DEFAULT_REQUESTS_PER_MINUTE = 600

/**
 * The keys of a file: a mapping by name, in YAML or JSON.
 *
 * @param path name of the file in messages
 * @throws {ConfigError} with every problem at once, each with its place; never with a hash
 */
export function parseKeyFile(text: string, path: string): readonly KeyEntry[] {
  const problems: ConfigProblem[] = []
  const content = parseYaml(text, (where, message) =>
    problems.push({ setting: `${path}${where}`, message }),
  )
  if (problems.length > 0) throw new ConfigError(problems)
  if (!(content instanceof Map) || content.size === 0) {
    const got = content === null || content instanceof Map ? 'nothing' : kindOf(content)
    const message = `expected keys by name, as \`expunge key\` prints them, got ${got}.`
    throw new ConfigError([{ setting: path, message }])
  }
  // A key file takes no variables, because it contains no secrets.
  const file = { file: path, environment: new Environment({}), problems }
  const top = new YamlSection(file, '', content)
  const entries = top.sections().map(([name, section]) => readEntry(name, section, top, problems))
  refuseDuplicateHashes(entries, top, problems)
  top.refuseUnknownKeys()
  if (problems.length > 0) throw new ConfigError(problems)
  return entries
}

function readEntry(
  name: string,
  section: YamlSection,
  top: YamlSection,
  problems: ConfigProblem[],
): KeyEntry {
  const settings = new Settings(KEY, [section], problems)
  if (!KEY_NAME.test(name)) {
    settings.refuse(
      top.nameOf(name),
      'expected 1 to 64 letters, digits, "_", "." or "-" as a name.',
    )
  }
  return {
    key: {
      name,
      roles: new Set(settings.get('roles')),
      orgs: isEvery(section, 'orgs') ? '*' : settings.get('orgs'),
      objects: isEvery(section, 'objects') ? '*' : settings.get('objects'),
      operations: settings.get('operations'),
      sources: readSources(section, problems),
      priorities: settings.get('priorities'),
      maxRecords: settings.get('maxRecords'),
      recordsPerHour: settings.get('recordsPerHour'),
      recordsPerDay: settings.get('recordsPerDay'),
      requestsPerMinute: settings.get('requestsPerMinute'),
    },
    digests: readHashes(section, settings, problems),
  }
}

/** `*` in place of a list of names. */
function isEvery(section: YamlSection, key: string): boolean {
  const given = section.get(key)
  return given !== undefined && 'text' in given && given.text === '*'
}

/**
 * By type: `"*"`, or a list of names for types that have them. All types if the key does not say.
 */
function readSources(section: YamlSection, problems: ConfigProblem[]): SourceRights | '*' {
  if (!section.has('sources') || isEvery(section, 'sources')) return '*'
  const types = section.section('sources')
  const rights = SOURCE_TYPES.flatMap((type) => {
    const scope = readScope(type, types, problems)
    return scope === undefined ? [] : [[type, scope] as const]
  })
  if (!SOURCE_TYPES.some((type) => types.has(type))) {
    const names = SOURCE_TYPES.join(', ').replace(/, (\w+)$/, ' and $1')
    const message = `expected "*", or at least one of ${names}.`
    problems.push({ setting: section.nameOf('sources'), message })
  }
  return Object.fromEntries(rights)
}

function readScope(
  type: SourceType,
  types: YamlSection,
  problems: ConfigProblem[],
): readonly string[] | '*' | undefined {
  const { scope } = SOURCES[type]
  if (scope === undefined) {
    return new Settings({ [type]: field.value(EVERY).optional() }, [types], problems).get(type)
  }
  if (!types.has(type)) return undefined
  if (isEvery(types, type)) return '*'
  return new Settings({ [type]: field.listOf(scope) }, [types], problems).get(type)
}

/** One hash, or a list of them. */
function readHashes(
  section: YamlSection,
  settings: Settings<typeof KEY>,
  problems: ConfigProblem[],
): readonly Buffer[] {
  const alone = section.get('hash')
  if (alone === undefined || 'fault' in alone) return settings.get('hash')
  const digest = new Settings({ hash: field.value(HASH) }, [section], problems).get('hash')
  return digest === undefined ? [] : [digest]
}

/** One hash under two names would not distinguish callers. */
function refuseDuplicateHashes(
  entries: readonly KeyEntry[],
  top: YamlSection,
  problems: ConfigProblem[],
): void {
  const owners = new Map<string, string>()
  for (const { key, digests } of entries) {
    for (const digest of digests) {
      const owner = owners.get(digest.toString('hex'))
      owners.set(digest.toString('hex'), key.name)
      if (owner === undefined) continue
      const twin = owner === key.name ? 'given twice' : `the same as that of ${owner}`
      const message = `its hash is ${twin}. Make a key of its own: expunge key ${key.name}`
      problems.push({ setting: top.nameOf(key.name), message })
    }
  }
}

const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

const ROLE: ValueForm<Role> = {
  expected: ROLES.join(', ').replace(/, (\w+)$/, ' or $1'),
  parse: (text) => ROLES.find((role) => role === text),
}

const OPERATION: ValueForm<Operation> = {
  expected: OPERATIONS.join(' or '),
  parse: (text) => OPERATIONS.find((operation) => operation === text),
}

const PRIORITY: ValueForm<Priority> = {
  expected: PRIORITIES.join(', ').replace(/, (\w+)$/, ' or $1'),
  parse: (text) => PRIORITIES.find((priority) => priority === text),
}

const EVERY: ValueForm<'*'> = { expected: '"*"', parse: (text) => (text === '*' ? '*' : undefined) }

const ORG: ValueForm<string> = {
  expected: 'the name of an org ("*" without a list for all of them)',
  parse: (text) => (ORG_NAME.test(text) ? text : undefined),
}

const OBJECT: ValueForm<string> = {
  expected: 'the API name of an object ("*" without a list for all of them)',
  parse: (text) => (OBJECT_NAME.test(text) ? text : undefined),
}

const HASH: ValueForm<Buffer> = {
  expected: 'sha256: and 64 digits of lower-case hexadecimal, as `expunge key` prints them',
  hidden: true,
  parse: parseHash,
}

const KEY = {
  roles: field.listOf(ROLE),
  orgs: field.listOf(ORG),
  objects: field.listOf(OBJECT),
  operations: field.listOf(OPERATION).default(['delete']),
  priorities: field.listOf(PRIORITY).default([...PRIORITIES]),
  maxRecords: field.wholeNumber(1).nullable().default(null),
  recordsPerHour: field.wholeNumber(1).nullable().default(null),
  recordsPerDay: field.wholeNumber(1).nullable().default(null),
  requestsPerMinute: field.wholeNumber(1, 60_000).default(DEFAULT_REQUESTS_PER_MINUTE),
  hash: field.listOf(HASH),
}
