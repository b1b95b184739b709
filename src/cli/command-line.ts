import { DEFAULT_ORG } from '../shared/contract/request.ts'

/** An argument as a shell takes it back. */
export function shellQuoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}

/**
 * How this program was called, so that a command that it names can be pasted: `npx` puts it on no
 * PATH, and leaves its traces in the environment.
 */
export function programIn(env: NodeJS.ProcessEnv): string {
  const isByNpx =
    env['npm_lifecycle_event'] === 'npx' &&
    /^['"]?expunge\b/.test(env['npm_lifecycle_script'] ?? '')
  return isByNpx ? 'npx expunge' : 'expunge'
}

const PROGRAM = programIn(process.env)

/** `expunge resume`, with the org where it is not the one that is meant anyway. */
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
 * The command that goes on with a request: the one that was typed, naming the request and the directory
 * of its results, which depends on where and with which settings it was typed.
 *
 * @param results absolute
 */
export function commandToContinue(argv: readonly string[], id: string, results: string): string {
  const typed = without(without(argv, '--id'), '--results')
  return asTyped([...typed, '--results', results, '--id', id])
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
