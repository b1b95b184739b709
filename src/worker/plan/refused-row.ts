import { BUILT_IN_OBJECTS, type DeletableObject } from '../../shared/contract/objects.ts'
import { unseenWithin, withUnseenSpelled } from './unseen.ts'

/** Why a row is no id that may be deleted. */
type RefusedReason = 'NOT_AN_ID' | 'WRONG_CHECKSUM' | 'OTHER_OBJECT' | 'EMPTY_VALUE'

export interface RefusedRow {
  /** Physical line of the text on which the row begins, from 1. */
  readonly line: number
  /** Whole where it has the form of an id, else its first 3 characters and its length. */
  readonly value: string
  readonly reason: RefusedReason
  /** The reason in words, without the value. */
  readonly detail: string
}

/** The objects a request may name, and which of them this one names. */
export interface ObjectWords {
  readonly object: DeletableObject
  /** Objects whose names help to explain a foreign prefix. */
  readonly known?: readonly DeletableObject[]
}

/** @param value whole, without what cannot be seen around it */
export function notAnId(line: number, value: string): RefusedRow {
  const unseen = unseenWithin(value)
  const within = unseen.length === 0 ? '' : `: ${unseen.slice(0, MOST_TOLD).join(', ')} within`
  const detail = `not a 15- or 18-character record id${within}`
  return { line, value: clip(value), reason: 'NOT_AN_ID', detail }
}

const MOST_TOLD = 3

export function wrongChecksum(line: number, id: string): RefusedRow {
  const detail = 'the last 3 characters do not fit the first 15: mistyped, or changed in case'
  return { line, value: id, reason: 'WRONG_CHECKSUM', detail }
}

export function otherObject(line: number, id: string, words: ObjectWords): RefusedRow {
  const prefix = id.slice(0, 3)
  const other = (words.known ?? BUILT_IN_OBJECTS).find((object) => object.prefix === prefix)
  const found = other === undefined ? prefix : `${prefix} (${other.name})`
  const { object } = words
  const detail = `expected the key prefix ${object.prefix} (${object.name}), got ${found}`
  return { line, value: id, reason: 'OTHER_OBJECT', detail }
}

export function emptyValue(line: number): RefusedRow {
  return { line, value: '', reason: 'EMPTY_VALUE', detail: 'no value in the Id column' }
}

/**
 * A value that may be personal data, told by its first 3 characters and its length. Control
 * characters become dots: the text ends up on terminals. Format characters are spelled out.
 */
export function clip(value: string): string {
  const length = lengthOf(value)
  const start = [...value.slice(0, 6)]
    .slice(0, 3)
    .join('')
    .replaceAll(/\p{Cc}/gu, '.')
  return `${withUnseenSpelled(start)}${length > 3 ? '…' : ''} (${length} ${length === 1 ? 'character' : 'characters'})`
}

/** Characters as people count them: a surrogate pair is one. */
function lengthOf(value: string): number {
  let length = value.length
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) >> 10 === 0x37) length--
  return length
}
