import { DEFAULT_ORG } from '../shared/contract/org-name.ts'

/** Quotes an argument for a shell. */
export function shellQuoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}

/**
 * How this program was called, so that printed commands can be pasted. `npx` puts it on no PATH but
 * leaves traces in the environment.
 */
export function programIn(env: NodeJS.ProcessEnv, file = import.meta.filename): string {
  const isByNpx =
    env['npm_lifecycle_event'] === 'npx' &&
    /^['"]?expunge\b/.test(env['npm_lifecycle_script'] ?? '')
  if (!isByNpx) return 'expunge'
  // Downloaded for this call only: no later call finds the command.
  return /[\\/]_npx[\\/]/.test(file) ? 'npx expunge-cli' : 'npx expunge'
}

const PROGRAM = programIn(process.env)

/** `expunge resume`, with `--org` unless it is the default org. */
export function commandFor(
  verb: string,
  { org, results }: { readonly org?: string | undefined; readonly results?: string | undefined },
): string {
  const flags = [
    ...(org === undefined || org === DEFAULT_ORG ? [] : ['--org', org]),
    ...(results === undefined ? [] : ['--results', results]),
  ]
  return asTyped([...verb.split(' '), ...flags])
}

/**
 * The command that continues a request: the typed one, plus the request's id and its results
 * directory, which otherwise depends on where and with which settings the command is called.
 *
 * @param results absolute
 * @param flag that names the request's id
 */
export function commandToContinue(
  argv: readonly string[],
  id: string,
  results: string,
  flag: '--id' | '--as' = '--id',
): string {
  const typed = without(without(argv, flag), '--results')
  return asTyped([...typed, '--results', results, flag, id])
}

function asTyped(words: readonly string[]): string {
  return [PROGRAM, ...words.map(shellQuoted)].join(' ')
}

function without(argv: readonly string[], option: string): readonly string[] {
  return argv.filter(
    (argument, at) =>
      argument !== option && argv[at - 1] !== option && !argument.startsWith(`${option}=`),
  )
}
