import type { Writable } from 'node:stream'

const ESC = '\u001b'
const UP = (rows: number) => (rows === 0 ? '' : `${ESC}[${rows}A`)
const CLEAR_LINE = `${ESC}[K`
const CLEAR_BELOW = `${ESC}[J`
const [NO_WRAP, WRAP] = [`${ESC}[?7l`, `${ESC}[?7h`]

const DEFAULT_ROWS = 24

/**
 * Lines at the end of a terminal's output that are overwritten in place, in one write, so that
 * nothing flickers. The terminal cuts lines that are too long, because a wrapped one would take more
 * rows than counted.
 */
export function createPainting(terminal: Writable & { readonly rows?: number }) {
  let lines: readonly string[] = []
  let painted = 0
  const show = () => {
    const rows = lines.map((line) => `${line}${CLEAR_LINE}\n`).join('')
    terminal.write(`${UP(painted)}${NO_WRAP}${rows}${WRAP}${CLEAR_BELOW}`)
    painted = lines.length
  }
  return {
    /** @param text safe for a terminal; cut at its height */
    paint: (text: readonly string[]) => {
      lines = text.slice(0, (terminal.rows ?? DEFAULT_ROWS) - 1)
      show()
    },
    /** Removes the lines, so that others can be printed above them. */
    hide: () => {
      if (painted > 0) terminal.write(`${UP(painted)}${CLEAR_BELOW}`)
      painted = 0
    },
    show,
  }
}
