import type { Cli } from './cli.ts'
import { UsageError } from './exit.ts'
import { ask } from './run/ask.ts'
import { catchInterrupts } from './run/interrupts.ts'
import type { Screen } from './screen.ts'

/** @throws UsageError where a question is due and nobody is there to answer it */
export function assertCanConfirm(
  { yes }: { readonly yes?: true },
  { canAsk }: Screen,
  verb: 'approve' | 'cancel' | 'apply',
): void {
  if (yes || canAsk) return
  throw new UsageError(`there is no terminal to ask on. Add --yes to ${verb} without asking.`)
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
