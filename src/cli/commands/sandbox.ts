import { type Command, InvalidArgumentError } from 'commander'
import type { Cli } from '../cli.ts'
import { ratio, wholeNumber } from '../input-flags.ts'
import type { SandboxFlags } from '../sandbox/sandbox.ts'

const DEFAULT_PORT = 8090

/** `expunge sandbox`: a Salesforce on this machine, to try things on. */
export function defineSandbox(program: Command, cli: Cli): void {
  program
    .command('sandbox')
    .description("a local stand-in for Salesforce's Bulk API 2.0, until Ctrl-C")
    .option('--host <host>', 'where it listens', '127.0.0.1')
    .option('--port <port>', 'where it listens; 0 is any free port', portNumber, DEFAULT_PORT)
    .option('--rows-per-second <n>', 'rows that it deletes in a second', wholeNumber)
    .option('--queue-delay <ms>', 'how long a closed job waits before it starts', milliseconds)
    .option('--fail <ratio>', 'share of records that cannot be deleted, 0 to 1', ratio)
    .option('--already-gone <ratio>', 'share of records that are in the Recycle Bin', ratio)
    .option('--locked <ratio>', 'share of records that are locked at the first try', ratio)
    .option('--allow-hard-delete', 'let the user delete past the Recycle Bin')
    .option('--strict-fields', 'refuse unknown fields in JSON bodies, which an org ignores')
    .option('--sandbox-org', 'be a sandbox org; otherwise it says that it is production')
    .option('--daily-batches <n>', 'batches that are left today', wholeNumber)
    .option('--json', 'print how to log in as a line of JSON')
    .action(async (flags: SandboxFlags) => {
      const { sandbox } = await import('../sandbox/sandbox.ts')
      cli.exit(await sandbox(flags, cli))
    })
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new InvalidArgumentError('Expected a port from 0 to 65535.')
  }
  return port
}

function milliseconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected milliseconds.')
  return Number(text)
}
