/** An argument as a shell takes it back. */
export function shellQuoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}

/** The command that goes on with a request: the one that was typed, naming it. */
export function commandToGoOn(argv: readonly string[], id: string): string {
  const withoutId = argv.filter(
    (argument, at) =>
      argument !== '--id' && argv[at - 1] !== '--id' && !argument.startsWith('--id='),
  )
  return ['expunge', ...withoutId, '--id', id].map(shellQuoted).join(' ')
}
