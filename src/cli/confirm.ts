import { createInterface } from 'node:readline/promises'
import { isatty } from 'node:tty'
import { type Cli, catchInterrupts, InterruptedError, UsageError } from './cli.ts'
import type { Screen } from './screen.ts'

/** @throws UsageError if a question is necessary but there is no terminal */
export function assertCanConfirm(
  { yes }: { readonly yes?: true },
  { canAsk }: Screen,
  verb: 'approve' | 'cancel' | 'apply' | 'retry',
): void {
  if (yes || canAsk) return
  throw new UsageError(`no terminal to confirm on. Add --yes to ${verb} without confirmation.`)
}

/** Whether `--yes` answers the question, which is shown then. */
export function isConfirmedByFlag(
  { yes }: { readonly yes?: true },
  { say, sayStyle }: Pick<Screen, 'say' | 'sayStyle'>,
  question: string,
): boolean {
  if (yes) say(`${sayStyle('bold', question)} Confirmed by --yes.`)
  return yes === true
}

/** The answer; Ctrl-C at the question changes nothing. */
export async function confirm(
  { screen, host }: Cli,
  question: string,
  to: 'delete' | 'cancel' | 'apply',
): Promise<boolean> {
  const { signal, forget } = catchInterrupts(host)
  try {
    return await ask(screen, question, { to, signal })
  } finally {
    forget()
  }
}

/**
 * Asks on the terminal. Only the whole word `yes` is a yes; the end of the input is a no. If the
 * terminal itself was closed, nobody has answered.
 *
 * @throws the signal's reason if it aborts
 * @throws InterruptedError if the terminal is gone; its SIGHUP may come later
 */
export async function ask(
  { stdin, stderr, sayStyle, fit }: Screen,
  question: string,
  { to, signal }: { to: 'delete' | 'cancel' | 'apply'; signal: AbortSignal },
): Promise<boolean> {
  // Not in raw mode, so that Ctrl-C remains a signal.
  const line = createInterface({ input: stdin, output: stderr, terminal: false })
  const closed = new Promise<string>((resolve) => {
    line.once('close', () => resolve(''))
  })
  try {
    const prompt = fit(`${sayStyle('bold', question)} Type yes to ${to}: `)
    const answer = await Promise.race([line.question(prompt, { signal }), closed])
    if (answer === '' && isGone(stdin)) throw new InterruptedError('SIGHUP')
    return answer.trim().toLowerCase() === 'yes'
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    line.close()
  }
}

/** A closed terminal is no longer a TTY. */
function isGone({ isTTY, fd }: Screen['stdin']): boolean {
  return isTTY === true && fd !== undefined && !isatty(fd)
}
