import { DEFAULT_ORG } from '../shared/request.ts'

/** An argument as a shell takes it back. */
export function shellQuoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}

/** `expunge resume`, with the org where it is not the one that is meant anyway. */
export function commandFor(
  verb: string,
  { org, results }: { readonly org?: string | undefined; readonly results?: string | undefined },
): string {
  const flags = [
    ...(org === undefined || org === DEFAULT_ORG ? [] : ['--org', org]),
    ...(results === undefined ? [] : ['--results', results]),
  ]
  return ['expunge', ...verb.split(' '), ...flags].map(shellQuoted).join(' ')
}

/** The command that goes on with a request: the one that was typed, naming it. */
export function commandToGoOn(argv: readonly string[], id: string): string {
  const withoutId = argv.filter(
    (argument, at) =>
      argument !== '--id' && argv[at - 1] !== '--id' && !argument.startsWith('--id='),
  )
  return ['expunge', ...withoutId, '--id', id].map(shellQuoted).join(' ')
}
