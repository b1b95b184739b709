import { refuse } from './reply.ts'

/**
 * The part of SOQL that the sandbox answers: columns of one object, a WHERE clause without
 * subqueries, ORDER BY Id and LIMIT. All else is MALFORMED_QUERY, worded and placed as an org does.
 */
interface Query {
  readonly columns: readonly Token[]
  readonly object: Token
  readonly where: Condition | undefined
  readonly order: 'ascending' | 'descending'
  readonly limit: number
}

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | Comparison

interface Comparison {
  readonly kind: 'comparison'
  readonly field: Token
  readonly operator: Operator
  /** Several for IN and NOT IN. */
  readonly values: readonly Token[]
}

const COMPARISONS = ['=', '!=', '<', '<=', '>', '>='] as const
type Operator = (typeof COMPARISONS)[number] | 'IN' | 'NOT IN'

export interface Token {
  readonly kind: 'word' | 'string' | 'sign' | 'end'
  /** As written; a string without its quotes and escapes. */
  readonly text: string
  /** Offset in the query. */
  readonly at: number
}

/** A query and how to complain about a place in it. */
export interface Parsed extends Query {
  refuse(code: string, at: Token, text: string): never
}

/** Refuses the call if the query is not one that the sandbox answers. */
export function parseSoql(soql: string): Parsed {
  const complain = (code: string, { at }: Token, text: string) => refuseAt(soql, code, at, text)
  return { ...new Parser(tokensOf(soql), complain).query(), refuse: complain }
}

type Complain = (code: string, at: Token, text: string) => never

class Parser {
  readonly #tokens: readonly Token[]
  readonly #complain: Complain
  #next = 0

  constructor(tokens: readonly Token[], complain: Complain) {
    this.#tokens = tokens
    this.#complain = complain
  }

  query(): Query {
    this.#keyword('SELECT')
    const columns = this.#list(() => this.#word())
    this.#keyword('FROM')
    const object = this.#word()
    const where = this.#skips('WHERE') ? this.#condition() : undefined
    const order = this.#order()
    const limit = this.#skips('LIMIT') ? this.#number() : Number.POSITIVE_INFINITY
    if (this.#peek().kind !== 'end') this.#unexpected()
    return { columns, object, where, order, limit }
  }

  #order(): Query['order'] {
    if (!this.#skips('ORDER')) return 'ascending'
    this.#keyword('BY')
    const by = this.#word()
    if (by.text.toLowerCase() !== 'id') {
      this.#complain('MALFORMED_QUERY', by, 'the sandbox orders by Id alone')
    }
    if (this.#skips('DESC')) return 'descending'
    this.#skips('ASC')
    return 'ascending'
  }

  /** AND and OR do not mix without parentheses, as in an org. */
  #condition(): Condition {
    const first = this.#term()
    const kind = this.#is('AND') ? 'and' : 'or'
    const of = [first]
    while (this.#skips(kind.toUpperCase())) of.push(this.#term())
    return of.length === 1 ? first : { kind, of }
  }

  #term(): Condition {
    if (this.#skips('NOT')) return { kind: 'not', of: this.#term() }
    if (!this.#skips('(')) return this.#comparison()
    const inner = this.#condition()
    this.#keyword(')')
    return inner
  }

  #comparison(): Comparison {
    const field = this.#word()
    if (this.#skips('IN')) return this.#among(field, 'IN')
    if (this.#skips('NOT')) {
      this.#keyword('IN')
      return this.#among(field, 'NOT IN')
    }
    const sign = this.#peek().text === '<>' ? '!=' : this.#peek().text
    const operator = COMPARISONS.find((one) => one === sign) ?? this.#unexpected()
    this.#next++
    return { kind: 'comparison', field, operator, values: [this.#value()] }
  }

  #among(field: Token, operator: Operator): Comparison {
    this.#keyword('(')
    const values = this.#list(() => this.#value())
    this.#keyword(')')
    return { kind: 'comparison', field, operator, values }
  }

  #list(item: () => Token): Token[] {
    const items = [item()]
    while (this.#skips(',')) items.push(item())
    return items
  }

  #word(): Token {
    const token = this.#peek()
    if (token.kind !== 'word' || !/^[A-Za-z]\w*(\.\w+)*$/.test(token.text)) this.#unexpected()
    this.#next++
    return token
  }

  #value(): Token {
    const token = this.#peek()
    if (token.kind !== 'word' && token.kind !== 'string') this.#unexpected()
    this.#next++
    return token
  }

  #number(): number {
    const token = this.#value()
    if (token.kind === 'word' && /^\d+$/.test(token.text)) return Number(token.text)
    this.#next--
    return this.#unexpected()
  }

  #keyword(text: string): void {
    if (!this.#skips(text)) this.#unexpected()
  }

  #skips(text: string): boolean {
    const found = this.#is(text)
    if (found) this.#next++
    return found
  }

  #is(text: string): boolean {
    const token = this.#peek()
    return token.kind !== 'string' && token.text.toUpperCase() === text
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '', at: 0 }
  }

  #unexpected(): never {
    const token = this.#peek()
    const text = token.kind === 'end' ? '<EOF>' : token.text
    return this.#complain('MALFORMED_QUERY', token, `unexpected token: '${text}'`)
  }
}

const TOKEN = /\s+|'((?:[^'\\]|\\.)*)'|([\w.:+-]+)|(<=|>=|!=|<>|[=<>(),])/suy

function tokensOf(soql: string): Token[] {
  const tokens: Token[] = []
  const end = soql.trimEnd().length
  const token = new RegExp(TOKEN)
  for (let at = 0; at < end; at = token.lastIndex) {
    token.lastIndex = at
    const match = token.exec(soql)
    if (match === null) {
      const text = `unexpected token: '${soql[at]}'`
      refuseAt(soql, 'MALFORMED_QUERY', at, text)
    }
    const [, string, word, sign] = match
    if (string !== undefined) {
      tokens.push({ kind: 'string', text: string.replace(/\\(.)/gsu, '$1'), at })
    } else if (word !== undefined) tokens.push({ kind: 'word', text: word, at })
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, at })
  }
  return [...tokens, { kind: 'end', text: '', at: end }]
}

/** Characters of the query that are quoted on each side of the place. */
const QUOTED = 40

/** An org quotes the line, points at the place, and numbers row and column from 1. */
function refuseAt(soql: string, code: string, at: number, text: string): never {
  const before = soql.slice(0, at).split('\n')
  const column = (before.at(-1) ?? '').length
  const line = soql.split('\n')[before.length - 1] ?? ''
  const from = Math.max(0, column - QUOTED)
  refuse(
    400,
    code,
    `\n${line.slice(from, column + QUOTED)}\n${' '.repeat(column - from)}^\n` +
      `ERROR at Row:${before.length}:Column:${column + 1}\n${text}`,
  )
}
