/**
 * Maps many items, up to `size` of them at once, in order. If one fails, the others of its slice
 * end first, so that nothing runs on when this throws.
 */
export async function mapInSlices<T, R>(
  items: readonly T[],
  size: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const mapped: R[] = []
  for (let at = 0; at < items.length; at += size) {
    for (const result of await Promise.allSettled(items.slice(at, at + size).map(map))) {
      if (result.status === 'rejected') throw result.reason
      mapped.push(result.value)
    }
  }
  return mapped
}
