import { codePoint } from './code-point.ts'
import { fc } from './fast-check.ts'

/** What must reach no terminal and no log raw: stated apart from the code that escapes it. */
export const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]|\udb40[\udc01-\udc7f]/

const parts = fc.constantFrom(
  '\u001b]52;c;ZXZpbA==\u0007',
  '\u001b[31m',
  '\u001b[0m',
  '\u001b[2J\u001b[H',
  '\u001b[1;1234;1234;1234m',
  '\u009b2K',
  '\u009d0;title\u009c',
  '\nStatus  completed',
  '\r',
  '\t',
  '\u0008',
  '\u0000',
  '\u007f',
  '\u202e',
  '\u2066',
  '\u2028',
  '\u2029',
  '\u200f',
  '\u200b',
  '\u{e0041}',
  '\u{e0002}',
  '\ufeff',
  'Art. 17',
  ' ',
)

/** Text as somebody writes it who wants a terminal to do something. */
export const hostileText = fc
  .array(fc.oneof(parts, fc.string({ unit: codePoint, maxLength: 4 })), {
    minLength: 1,
    maxLength: 8,
  })
  .map((all) => all.join(''))
