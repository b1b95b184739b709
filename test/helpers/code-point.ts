import { fc } from './fast-check.ts'

const SURROGATES = { first: 0xd800, count: 0x800 }

/**
 * Any code point, for `fc.string({ unit: codePoint })`. As fast-check's own `unit: 'binary'`, but
 * that first makes a table of all 1.1 million of them: a second of processor time in each process.
 */
export const codePoint = fc.nat(0x10ffff - SURROGATES.count).map(
  (at) => String.fromCodePoint(at < SURROGATES.first ? at : at + SURROGATES.count),
  (text) => {
    const code = typeof text === 'string' ? (text.codePointAt(0) ?? -1) : -1
    if (code < 0 || text !== String.fromCodePoint(code)) throw new Error('Not one code point.')
    const at = code - SURROGATES.first
    if (at >= 0 && at < SURROGATES.count) throw new Error('Half a surrogate pair.')
    return at < 0 ? code : code - SURROGATES.count
  },
)
