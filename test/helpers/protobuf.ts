/** The fields of one message of protobuf, by number; nothing of it is read before it is asked for. */
export interface Message {
  /** Of a varint; 0 where absent. */
  number(field: number): number
  /** Empty where absent. */
  text(field: number): string
  hex(field: number): string
  messages(field: number): readonly Message[]
}

/** @throws Error for bytes that are no message */
export function readMessage(bytes: Buffer): Message {
  const fields = new Map<number, (Buffer | number)[]>()
  for (let at = 0; at < bytes.length; ) {
    const key = varint(bytes, at)
    const { value, next } = readValue(bytes, key.value % 8, key.next)
    const field = Math.floor(key.value / 8)
    fields.set(field, [...(fields.get(field) ?? []), value])
    at = next
  }
  const all = (field: number) => (fields.get(field) ?? []).filter((value) => Buffer.isBuffer(value))
  return {
    number: (field) => Number(fields.get(field)?.find((value) => typeof value === 'number') ?? 0),
    text: (field) => all(field)[0]?.toString('utf8') ?? '',
    hex: (field) => all(field)[0]?.toString('hex') ?? '',
    messages: (field) => all(field).map(readMessage),
  }
}

function readValue(bytes: Buffer, type: number, at: number) {
  switch (type) {
    case 0:
      return varint(bytes, at)
    case 1:
      return { value: bytes.subarray(at, at + 8), next: at + 8 }
    case 2: {
      const length = varint(bytes, at)
      const next = length.next + length.value
      if (next > bytes.length) throw new Error('A field is longer than its message.')
      return { value: bytes.subarray(length.next, next), next }
    }
    case 5:
      return { value: bytes.subarray(at, at + 4), next: at + 4 }
    default:
      throw new Error(`Wire type ${type} at byte ${at}.`)
  }
}

function varint(bytes: Buffer, from: number): { value: number; next: number } {
  let value = 0
  let factor = 1
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    value += (byte % 128) * factor
    if (byte < 128) return { value, next: at + 1 }
    factor *= 128
  }
  throw new Error('A number has no end.')
}
