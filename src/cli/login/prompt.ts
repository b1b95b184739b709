import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { type Cli, InterruptedError } from '../cli.ts'
import { shown } from '../screen.ts'

/**
 * Asks for one line on the terminal, until it is not empty.
 *
 * @param question.hidden for a secret: what is typed is not shown
 * @throws InterruptedError for Ctrl-C and for the end of the input
 */
export async function askLine(
  { screen: { stdin, stderr } }: Cli,
  { text, hidden = false }: { readonly text: string; readonly hidden?: boolean },
): Promise<string> {
  if (stdin.readableEnded || stdin.destroyed) throw new InterruptedError('SIGHUP')
  const silent = new Writable({ write: (_block, _encoding, done) => done() })
  // Takes the terminal's own echo away, and edits the line itself.
  const output = hidden ? silent : stderr
  const line = createInterface({ input: stdin, output, terminal: stdin.isTTY === true })
  const ended = new Promise<never>((_, reject) => {
    line.once('SIGINT', () => reject(new InterruptedError('SIGINT')))
    line.once('close', () => reject(new InterruptedError('SIGHUP')))
  })
  ended.catch(() => {})
  try {
    for (;;) {
      if (hidden) stderr.write(shown(text))
      const answer = await Promise.race([line.question(hidden ? '' : shown(text)), ended])
      if (hidden) stderr.write('\n')
      if (answer.trim() !== '') return answer.trim()
    }
  } finally {
    line.close()
  }
}
