// Draws the picture of the README: node scripts/picture.ts docs/images/run.svg
//
// Runs `expunge run` against a sandbox in a terminal of its own (`script` of util-linux), answers
// its question, and draws the screen as it is at the end.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startSandbox } from '../src/sandbox/sandbox.ts'
import { ids18 } from '../test/helpers/ids.ts'

const COLUMNS = 100
const COMMAND = 'expunge run --object Contact --csv contacts.csv --id spring-cleaning'
const QUESTION = 'to delete:'
/** Class of a style by its code. */
const CLASSES: Readonly<Record<string, string>> = { 1: 'b', 2: 'd', 31: 'r', 32: 'g', 33: 'y' }

const [target] = process.argv.slice(2)
if (target === undefined) throw new TypeError('Usage: node scripts/picture.ts FILE.svg')
const folder = await mkdtemp(join(tmpdir(), 'expunge-'))
const rules = [{ code: 'ENTITY_IS_DELETED', ratio: 0.002 }]
const sandbox = await startSandbox({ rows: { rules }, rowsPerSecond: 40_000 })
try {
  const file = join(folder, 'contacts.csv')
  await writeFile(file, ['Id', ...ids18(120_000), ''].join('\n'))
  const output = await record()
  await writeFile(resolve(target), svg([`$ ${COMMAND}`, ...screenOf(output)]))
} finally {
  await sandbox.close()
  await rm(folder, { recursive: true })
}

/** All that the command writes to its terminal, with the answer typed. */
async function record(): Promise<string> {
  const bin = join(folder, 'bin')
  await mkdir(bin)
  await symlink(resolve(import.meta.dirname, '../bin/expunge.js'), join(bin, 'expunge'))
  const typed = `stty cols ${COLUMNS} rows 60; ${COMMAND}`
  const terminal = spawn('script', ['--quiet', '--return', '--command', typed, '/dev/null'], {
    cwd: folder,
    env: {
      ...{ HOME: process.env['HOME'], LANG: 'C.UTF-8', TERM: 'xterm-256color' },
      PATH: `${bin}:${process.env['PATH']}`,
      EXPUNGE_HOME: join(folder, 'home'),
      SALESFORCE_LOGIN_URL: sandbox.url,
      SALESFORCE_CLIENT_ID: sandbox.clientId,
      SALESFORCE_CLIENT_SECRET: sandbox.clientSecret,
    },
  })
  let output = ''
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    const isAsked = output.includes(QUESTION)
    output += text
    if (!isAsked && output.includes(QUESTION)) terminal.stdin.write('yes\n')
  })
  const [code] = await once(terminal, 'close')
  if (code !== 0) throw new Error(`The run ended with ${code}:\n${output}`)
  return output
}

interface Cell {
  readonly char: string
  /** Classes of its style, such as `b g`. */
  readonly style: string
}

/** The lines that a terminal shows after the output, as text with styles in SVG. */
function screenOf(output: string): readonly string[] {
  const rows: Cell[][] = []
  let [row, column, style] = [0, 0, '']
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal obeys
  for (const [part, count, verb] of output.matchAll(/\x1b\[([?\d;]*)([A-Za-z])|./gsu)) {
    const line = rows[row] ?? []
    rows[row] = line
    if (part === '\n') row++
    else if (part === '\r') column = 0
    else if (verb === undefined) line[column++] = { char: part, style }
    else if (verb === 'A') row = Math.max(0, row - Number(count || 1))
    else if (verb === 'G') column = Number(count || 1) - 1
    else if (verb === 'K') line.length = Math.min(line.length, column)
    else if (verb === 'J') rows.length = row
    else if (verb === 'm') style = styled(style, count ?? '')
  }
  return rows.map(lineOf)
}

function styled(style: string, codes: string): string {
  const classes = new Set(style.split(' ').filter(Boolean))
  for (const code of codes.split(';')) {
    if (code === '0' || code === '') classes.clear()
    else if (code === '22') for (const weight of ['b', 'd']) classes.delete(weight)
    else if (code === '39') for (const colour of ['r', 'g', 'y']) classes.delete(colour)
    else classes.add(CLASSES[code] ?? 'b')
  }
  return [...classes].join(' ')
}

function lineOf(cells: readonly Cell[]): string {
  let [text, before] = ['', '']
  for (const { char, style } of Array.from(cells, (cell) => cell ?? { char: ' ', style: '' })) {
    if (style !== before) {
      text += `${before === '' ? '' : '</tspan>'}${style === '' ? '' : `<tspan class="${style}">`}`
    }
    before = style
    text += char.replace(/[&<>]/, (sign) => `&#${sign.charCodeAt(0)};`)
  }
  return before === '' ? text.trimEnd() : `${text}</tspan>`
}

function svg(lines: readonly string[]): string {
  const [width, height] = [COLUMNS * 8.43 + 32, lines.length * 19 + 32]
  const texts = lines.map((line, at) => `<text x="16" y="${30 + at * 19}">${line}</text>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>expunge run in a terminal</title>
<style>
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #d4d4d4; white-space: pre }
.b { font-weight: bold; fill: #fff } .d { fill: #8b949e } .r { fill: #ff7b72 } .g { fill: #7ee787 } .y { fill: #e3b341 }
</style>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${texts.join('\n')}
</svg>
`
}
