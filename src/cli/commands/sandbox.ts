import { once } from 'node:events'
import { type RowRule, type Sandbox, startSandbox } from '../../sandbox/sandbox.ts'
import { codeOf, messageOf } from '../../shared/base/errors.ts'
import { type Cli, catchInterrupts, EXIT, type ExitCode, UsageError } from '../cli.ts'
import type { Flags } from '../commands.ts'

/** Runs until Ctrl-C, SIGTERM or SIGHUP, which is its normal end. */
export async function sandbox(flags: Flags<'sandbox'>, { screen, host }: Cli): Promise<ExitCode> {
  const { signal, forget } = catchInterrupts(host)
  const started = await start(flags)
  const { url, clientId, clientSecret, orgId } = started
  if (flags.json) screen.answerData(JSON.stringify({ url, clientId, clientSecret, orgId }))
  else {
    screen.answerData(variables(started))
    screen.say(
      `Sandbox ready at ${url}, org ${orgId}. Press Ctrl-C to stop it; all data is lost then.`,
    )
  }
  if (!signal.aborted) await once(signal, 'abort')
  await started.close()
  forget()
  return EXIT.ok
}

/** Lines for a shell, or, without the word `export`, for an .env file. */
function variables({ url, clientId, clientSecret }: Sandbox): string {
  return [
    `export SALESFORCE_LOGIN_URL=${url}`,
    `export SALESFORCE_CLIENT_ID=${clientId}`,
    `export SALESFORCE_CLIENT_SECRET=${clientSecret}`,
  ].join('\n')
}

async function start(flags: Flags<'sandbox'>): Promise<Sandbox> {
  try {
    return await startSandbox({
      host: flags.host,
      port: flags.port,
      records: flags.records,
      rowsPerSecond: flags.rowsPerSecond,
      queueDelayMs: flags.queueDelay,
      allowHardDelete: flags.allowHardDelete,
      strictFields: flags.strictFields,
      isSandbox: flags.sandboxOrg,
      dailyBulkApiBatches: flags.dailyBatches,
      rows: { rules: rules(flags) },
    })
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw error
    throw new UsageError(`${messageOf(error)}. Choose another --port, or 0 for any free one.`)
  }
}

function rules({ fail, alreadyGone, locked }: Flags<'sandbox'>): readonly RowRule[] {
  return [
    ...(alreadyGone === undefined ? [] : [{ code: 'ENTITY_IS_DELETED', ratio: alreadyGone }]),
    ...(fail === undefined ? [] : [{ code: 'DELETE_FAILED', ratio: fail }]),
    ...(locked === undefined ? [] : [{ code: 'UNABLE_TO_LOCK_ROW', ratio: locked, times: 1 }]),
  ]
}
