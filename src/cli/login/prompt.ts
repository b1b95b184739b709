import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { type Cli, InterruptedError } from '../cli.ts'
import { shown } from '../styled-text.ts'

/** Asks one line after another on the terminal. */
interface Prompt {
  /**
   * Asks until the line is not empty.
   *
   * @param hidden for a secret: what is typed is not shown
   * @throws InterruptedError for Ctrl-C and for the end of the input
   */
  ask(text: string, hidden?: 'hidden'): Promise<string>
  close(): void
}

/** One reader for all questions, because lines that were pasted together arrive together. */
export function openPrompt({ screen: { stdin, stderr } }: Cli): Prompt {
  let isHidden = false
  const output = new Writable({
    write: (block, _encoding, done) => {
      if (!isHidden) stderr.write(block)
      done()
    },
  })
  // Turns off the echo of the terminal, and edits the line itself.
  const line = createInterface({ input: stdin, output, terminal: stdin.isTTY === true })
  const lines = line[Symbol.asyncIterator]()
  const interrupted = new Promise<never>((_, reject) => {
    line.once('SIGINT', () => reject(new InterruptedError('SIGINT')))
  })
  interrupted.catch(() => {})
  return {
    ask: async (text, hidden) => {
      for (;;) {
        isHidden = false
        line.setPrompt(shown(text))
        line.prompt()
        isHidden = hidden !== undefined
        const { value = '', done } = await Promise.race([lines.next(), interrupted])
        if (hidden) stderr.write('\n')
        if (done) throw new InterruptedError('SIGHUP')
        if (value.trim() !== '') return value.trim()
      }
    },
    close: () => line.close(),
  }
}
