import { isAbsolute, relative, sep } from 'node:path'

/** Whether an absolute path lies under a folder, by its name alone: links are not followed. */
export function isUnder(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

export function isAtOrUnder(path: string, place: string): boolean {
  return relative(place, path) === '' || isUnder(path, place)
}
