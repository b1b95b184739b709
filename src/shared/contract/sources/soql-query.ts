import { isSameObject } from '../known-object.ts'

/**
 * What a query that selects the records to delete must be: exactly the column Id, of one object.
 * Everything else, such as its WHERE clause with semi-joins, is Salesforce's to judge.
 */

/** The object in the FROM clause as written, or what is wrong with the query. */
type SoqlReading =
  | { readonly object: string; readonly problem: null }
  | { readonly object: null; readonly problem: string }

export function readSoql(query: string): SoqlReading {
  try {
    return { object: objectOf(query, tokensOf(query)), problem: null }
  } catch (error) {
    if (error instanceof SoqlProblem) return { object: null, problem: error.message }
    throw error
  }
}

/** Why a query does not fit a request for an object; null if it does, or cannot be read. */
export function mismatchOf(query: string, object: string): string | null {
  const { object: from } = readSoql(query)
  if (from === null || isSameObject(from, object)) return null
  return `expected a query FROM ${object}, the object of the request, got FROM ${from}`
}

class SoqlProblem extends Error {
  override readonly name = 'SoqlProblem'
}

interface Token {
  readonly kind: 'word' | 'string' | 'sign' | 'end'
  readonly text: string
  /** Offset in the query. */
  readonly at: number
}

/** Clauses that change records, find deleted ones, or give other rows than records. */
const REFUSED_CLAUSES: Readonly<Record<string, string>> = {
  FOR: 'FOR VIEW, FOR REFERENCE and FOR UPDATE mark or lock the records',
  UPDATE: 'UPDATE TRACKING and UPDATE VIEWSTAT change records',
  GROUP: 'GROUP BY gives groups',
  HAVING: 'HAVING filters groups',
}

function objectOf(query: string, tokens: readonly Token[]): string {
  const fail = ({ at }: Token, text: string): never => {
    throw new SoqlProblem(`${placeOf(query, at)}: ${text}`)
  }
  const at = (index: number): Token => tokens[index] ?? endOf(query)
  const expect = (index: number, word: string) => {
    if (!isWord(at(index), word)) fail(at(index), `expected ${word}, got ${shown(at(index))}`)
  }
  expect(0, 'SELECT')
  const column = at(1)
  if (at(2).text === '(' || column.text === '(') {
    fail(column, 'expected the column Id alone, got an aggregate, a function or a subquery')
  }
  if (!isWord(column, 'ID')) fail(column, `expected the column Id alone, got ${shown(column)}`)
  if (at(2).text === ',') fail(at(2), 'expected the column Id alone, got several columns')
  expect(2, 'FROM')
  const object = at(3)
  if (object.kind !== 'word' || !/^[A-Za-z]\w*$/.test(object.text)) {
    fail(object, `expected the name of an object, got ${shown(object)}`)
  }
  if (at(4).text === ',') fail(at(4), 'expected one object, got several')
  for (const [index, token] of tokens.entries()) {
    const word = token.kind === 'word' ? token.text.toUpperCase() : ''
    const why = REFUSED_CLAUSES[word]
    // `Group` is also the name of an object.
    const isClause = word !== 'GROUP' || isWord(at(index + 1), 'BY')
    if (why !== undefined && isClause)
      fail(token, `${why}, which a query of records to delete must not`)
    if (word === 'ALL' && isWord(at(index + 1), 'ROWS')) {
      fail(token, 'ALL ROWS also finds records that are deleted already')
    }
    if (token.text === ';' && token.kind === 'sign') fail(token, 'expected one query, without ";"')
  }
  assertBalanced(tokens, fail)
  return object.text
}

function assertBalanced(
  tokens: readonly Token[],
  fail: (token: Token, text: string) => never,
): void {
  const open: Token[] = []
  for (const token of tokens) {
    if (token.kind !== 'sign') continue
    if (token.text === '(') open.push(token)
    if (token.text === ')' && open.pop() === undefined) fail(token, 'this ")" closes nothing')
  }
  const last = open.at(-1)
  if (last !== undefined) fail(last, 'this "(" is never closed')
}

const isWord = ({ kind, text }: Token, word: string) =>
  kind === 'word' && text.toUpperCase() === word

const MOST_SHOWN = 40

const shown = ({ kind, text }: Token) =>
  kind === 'end' ? 'the end of the query' : JSON.stringify(text.slice(0, MOST_SHOWN))

const SPACE = /\s+/y
/** Names, with dots for relationships, numbers, dates and date literals such as LAST_N_DAYS:30. */
const WORD = /[\p{L}\p{N}_.:+%-]+/uy

/** Strings are skipped whole, so that no word in them counts: `\'` does not end one. */
function tokensOf(query: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < query.length; ) {
    const space = matchAt(SPACE, query, at)
    if (space !== undefined) {
      at += space.length
      continue
    }
    const token = tokenAt(query, at)
    tokens.push(token)
    at += token.text.length
  }
  return tokens
}

function tokenAt(query: string, at: number): Token {
  if (query[at] === "'")
    return { kind: 'string', text: query.slice(at, endOfString(query, at)), at }
  const word = matchAt(WORD, query, at)
  if (word !== undefined) return { kind: 'word', text: word, at }
  return { kind: 'sign', text: query[at] ?? '', at }
}

/** The offset behind the closing quote. */
function endOfString(query: string, start: number): number {
  for (let at = start + 1; at < query.length; at++) {
    if (query[at] === '\\') at++
    else if (query[at] === "'") return at + 1
  }
  throw new SoqlProblem(`${placeOf(query, start)}: this string is never closed`)
}

function matchAt(pattern: RegExp, query: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(query)?.[0]
}

const endOf = (query: string): Token => ({ kind: 'end', text: '', at: query.length })

/** Counted as Salesforce does. */
function placeOf(query: string, at: number): string {
  const lines = query.slice(0, at).split('\n')
  return `row ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`
}
