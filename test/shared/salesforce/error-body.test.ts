import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseErrorBody } from '../../../src/shared/salesforce/error-body.ts'
import { fc } from '../../helpers/fast-check.ts'

test('each form of an error body gives up its code and its message', () => {
  for (const [text, code, message] of [
    ['[{"errorCode":"A","message":"m"}]', 'A', 'm'],
    ['[{"errorCode":"A","message":"m","fields":[]},{"errorCode":"B","message":"n"}]', 'A', 'm'],
    ['{"errorCode":"A","message":"m"}', 'A', 'm'],
    ['[{"errorCode":"A"}]', 'A', ''],
    ['{"error":"invalid_grant","error_description":"no"}', 'invalid_grant', 'no'],
    ['{"error":"invalid_grant"}', 'invalid_grant', ''],
    ['', null, ''],
    ['[]', null, '[]'],
    ['Bad_OAuth_Token', null, 'Bad_OAuth_Token'],
    ['[{"errorCode":"A","mess', null, '[{"errorCode":"A","mess'],
  ] as const) {
    assert.deepEqual(parseErrorBody(text), { code, message, html: false }, text)
  }
})

test('a page of HTML is known as such and read without its tags, styles and scripts', () => {
  const page = '<html><style>a{b:c}</style><h1>Bad Message 400</h1><pre>reason: no</pre><script>x('
  const { code, html, message } = parseErrorBody(page)
  assert.deepEqual(
    [code, html, message.split(/\s+/)],
    [null, true, ['Bad', 'Message', '400', 'reason:', 'no']],
  )
})

test('any text is read without an error', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseErrorBody(text)))
})
