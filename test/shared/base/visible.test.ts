import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, RefusedError } from '../../../src/shared/base/errors.ts'
import { visible, visibleLines } from '../../../src/shared/base/visible.ts'
import { SalesforceError } from '../../../src/shared/salesforce/errors.ts'
import { fc } from '../../helpers/fast-check.ts'
import { hostileText, UNSAFE } from '../../helpers/hostile-text.ts'

test('what a terminal acts on becomes its escape', () => {
  assert.equal(visible('\u001b]52;c;AAAA\u0007'), '\\u001b]52;c;AAAA\\u0007')
  assert.equal(visible('a\u009b2J\u007fb'), 'a\\u009b2J\\u007fb')
  assert.equal(visible('\u202egnp.exe\u2066\u200f'), '\\u202egnp.exe\\u2066\\u200f')
  assert.equal(visible('a\nb\u2028c\td'), 'a\\u000ab\\u2028c\\u0009d')
  assert.equal(visible('Id\u200b, a\u00adb\u{e0041}'), 'Id\\u200b, a\\u00adb\\udb40\\udc41')
  assert.equal(visibleLines('a\nb\rc'), 'a\nb\\u000dc')
})

test('text that only looks foreign stays as it is', () => {
  for (const text of ['Löschung, Art. 17', '削除 👩‍👩‍👧', 'עברית', 'می\u200cخواهم', 'C:\\u001b']) {
    assert.equal(visible(text), text)
  }
})

test('nothing unsafe is left, whatever the text', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      assert.doesNotMatch(visible(text), UNSAFE)
      assert.doesNotMatch(visibleLines(text).replaceAll('\n', ''), UNSAFE)
    }),
  )
})

test('JSON parses to the same value after it', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const json = visibleLines(JSON.stringify({ [text]: text }, null, 2))
      assert.deepEqual(JSON.parse(json), { [text]: text })
    }),
  )
})

test('no error message holds what it quotes unescaped, and only settings make lines', () => {
  const fault = {
    kind: 'refused',
    code: 'X',
    operation: 'create',
    httpStatus: 400,
    transient: false,
    retryAfterMs: null,
  } as const
  fc.assert(
    fc.property(hostileText, (text) => {
      const errors = [
        new RefusedError('INVALID_REQUEST', text),
        new SalesforceError(fault, text),
        new ConfigError([{ setting: 'A', message: text }]),
      ]
      for (const { message } of errors) assert.doesNotMatch(message, UNSAFE)
    }),
  )
})
