import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseRequest } from '../../../../src/shared/contract/request.ts'
import { readSoql } from '../../../../src/shared/contract/sources/soql-query.ts'
import { SOURCES } from '../../../../src/shared/contract/sources/sources.ts'
import { fc } from '../../../helpers/fast-check.ts'

describe('a query of records to delete', () => {
  const ACCEPTED: readonly (readonly [string, string])[] = [
    ['SELECT Id FROM Lead', 'Lead'],
    ['select id\n  from lead\twhere CreatedDate < LAST_N_MONTHS:24', 'lead'],
    ["SELECT Id FROM Lead WHERE Name = 'FOR UPDATE; SELECT' LIMIT 10", 'Lead'],
    [String.raw`SELECT Id FROM Lead WHERE Name = 'O\'Hara (' AND Email != 'a\\'`, 'Lead'],
    ['SELECT Id FROM Lead l WHERE l.Owner.Name = null ORDER BY CreatedDate ASC NULLS LAST', 'Lead'],
    [
      "SELECT Id FROM Contact WHERE Id NOT IN (SELECT WhoId FROM Task WHERE Status IN ('Open','New'))",
      'Contact',
    ],
    ['SELECT Id FROM Invoice__c WHERE Update__c = true AND For__c > 1.5e3', 'Invoice__c'],
    ['SELECT Id FROM Lead USING SCOPE mine WHERE CreatedDate > 2024-01-01T00:00:00+01:00', 'Lead'],
    ['SELECT Id FROM Group WHERE Id IN (SELECT GroupId FROM GroupMember)', 'Group'],
    ["SELECT Id FROM Lead WHERE Group.Name = 'x' AND Ünal__c = 'ü'", 'Lead'],
  ]
  for (const [query, object] of ACCEPTED) {
    test(`is accepted: ${query}`, () =>
      assert.deepEqual(readSoql(query), { object, problem: null }))
  }

  const REFUSED: readonly (readonly [string, string])[] = [
    ['', 'row 1, column 1: expected SELECT, got the end of the query'],
    ['DELETE FROM Lead', 'row 1, column 1: expected SELECT, got "DELETE"'],
    ['SELECT Id, Name FROM Lead', 'row 1, column 10: expected the column Id alone, got several'],
    ['SELECT Name FROM Lead', 'row 1, column 8: expected the column Id alone, got "Name"'],
    ['SELECT Lead.Id FROM Lead', 'row 1, column 8: expected the column Id alone, got "Lead.Id"'],
    ['SELECT Id x FROM Lead', 'row 1, column 11: expected FROM, got "x"'],
    ['SELECT COUNT() FROM Lead', 'row 1, column 8: expected the column Id alone, got an aggregate'],
    ['SELECT COUNT(Id) FROM Lead', 'row 1, column 8: expected the column Id alone, got an aggre'],
    ['SELECT (SELECT Id FROM Tasks) FROM Lead', 'row 1, column 8: expected the column Id alone'],
    ['SELECT Id FROM', 'row 1, column 15: expected the name of an object, got the end'],
    ["SELECT Id FROM 'Lead'", 'row 1, column 16: expected the name of an object'],
    ['SELECT Id FROM Lead, Task', 'row 1, column 20: expected one object, got several'],
    ['SELECT Id FROM Lead\nALL ROWS', 'row 2, column 1: ALL ROWS also finds records that are del'],
    ['SELECT Id FROM Lead FOR UPDATE', 'row 1, column 21: FOR VIEW, FOR REFERENCE and FOR UPDATE'],
    ['SELECT Id FROM Lead UPDATE TRACKING', 'row 1, column 21: UPDATE TRACKING'],
    ['SELECT Id FROM Lead GROUP BY Id', 'row 1, column 21: GROUP BY gives groups'],
    ['SELECT Id FROM Lead;', 'row 1, column 20: expected one query, without ";"'],
    ["SELECT Id FROM Lead WHERE Name = 'x", 'row 1, column 34: this string is never closed'],
    ["SELECT Id FROM Lead WHERE Name = 'x\\'", 'row 1, column 34: this string is never closed'],
    ['SELECT Id FROM Lead WHERE (Id = null', 'row 1, column 27: this "(" is never closed'],
    ['SELECT Id FROM Lead WHERE Id = null)', 'row 1, column 36: this ")" closes nothing'],
  ]
  for (const [query, problem] of REFUSED) {
    test(`is refused: ${query}`, () => {
      const read = readSoql(query)
      assert.equal(read.object, null)
      assert.ok(read.problem?.startsWith(problem), read.problem ?? 'accepted')
    })
  }

  test('is judged whatever its text, and no text in a string changes the judgement', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(typeof (readSoql(text).problem ?? ''), 'string')
        const quoted = text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
        assert.equal(readSoql(`SELECT Id FROM Lead WHERE Name = '${quoted}'`).object, 'Lead')
      }),
    )
  })
})

describe('a request with a query', () => {
  const parse = (object: string, query: string) =>
    parseRequest({ object, source: { type: 'soql', query } }, 0)

  test('names the object of the query, in any case', () => {
    assert.equal(parse('Lead', 'SELECT Id FROM LEAD').object, 'Lead')
    assert.throws(() => parse('Contact', 'SELECT Id FROM Lead'), {
      code: 'INVALID_REQUEST',
      message:
        'The deletion request is not valid. source: expected a query FROM Contact, the object of the request, got FROM Lead',
    })
  })

  test('is refused with the place of what is wrong in it', () => {
    assert.throws(() => parse('Lead', 'SELECT Name FROM Lead'), {
      message:
        'The deletion request is not valid. source.query: row 1, column 8: expected the column Id alone, got "Name"',
    })
  })

  test('is covered by a key that is limited to its object', () => {
    const { scope } = SOURCES.soql
    const holds = (names: string[]) =>
      scope?.holds(names, { type: 'soql', query: 'SELECT Id FROM Lead' })
    assert.deepEqual(
      [holds(['lead']), holds(['Contact', 'Lead']), holds(['Contact'])],
      [true, true, false],
    )
    assert.deepEqual([scope?.parse('Lead'), scope?.parse('/data')], ['Lead', undefined])
  })
})
