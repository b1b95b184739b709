/** Ctrl-Z: DOS and CP/M programs end a text with it, once or up to the end of a block. */
const END_MARK = 0x1a

/** The bytes of a text without the marks at its end; within it they stay. */
export async function* withoutEndMark(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let held = 0
  for await (const chunk of chunks) {
    const end = chunk.findLastIndex((byte) => byte !== END_MARK) + 1
    if (end > 0 && held > 0) yield new Uint8Array(held).fill(END_MARK)
    held = chunk.length - end + (end > 0 ? 0 : held)
    if (end > 0) yield chunk.subarray(0, end)
  }
}
