import { to18 } from '../../src/shared/contract/record-id.ts'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The n-th record of an object, 15 characters, as an org numbers them. */
export function id15(n: number, prefix = '003'): string {
  let counter = ''
  for (let rest = n, k = 0; k < 9; k++) {
    counter = (DIGITS[rest % 62] ?? '0') + counter
    rest = Math.floor(rest / 62)
  }
  return `${prefix}5f0${counter}`
}

/** The same, 18 characters. */
export function id18(n: number, prefix = '003'): string {
  return to18(id15(n, prefix))
}

/** `count` ids from the n-th on. */
export function ids18(count: number, from = 0, prefix = '003'): string[] {
  return Array.from({ length: count }, (_, k) => id18(from + k, prefix))
}
