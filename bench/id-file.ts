import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { suffixOf } from '../src/shared/contract/record-id.ts'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** A CSV of ids as an org counts them up, in one server block; `order` may shuffle them. */
export async function writeIdFile(
  path: string,
  count: number,
  order = (n: number) => n,
): Promise<void> {
  const file = createWriteStream(path)
  file.write('Id\n')
  for (let n = 0; n < count; ) {
    let lines = ''
    for (const end = Math.min(count, n + 10_000); n < end; n++) lines += `${id18(order(n))}\n`
    if (!file.write(lines)) await once(file, 'drain')
  }
  file.end()
  await once(file, 'close')
}

function id18(n: number): string {
  let counter = ''
  for (let rest = n, k = 0; k < 9; k++, rest = Math.floor(rest / 62))
    counter = BASE62[rest % 62] + counter
  const id = `0035f0${counter}`
  return `${id}${suffixOf(id)}`
}

/** A walk through all numbers below `count` in steps of a large prime, which has no factor in common with it. */
export function shuffled(n: number, count: number): number {
  return Number((BigInt(n) * 2_654_435_761n) % BigInt(count))
}
