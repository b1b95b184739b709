import { type FileHandle, rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { PartTarget } from '../csv.ts'
import { createFile, makeFolder, onPath, temporaryName } from './files.ts'

/** Writes a part to a temporary file, which gets its name on commit. */
export class PartFile implements PartTarget {
  readonly name: string
  /** One system call for thousands of rows. */
  readonly blockBytes = 256 * 1024
  readonly #path: string
  readonly #temporary: string
  readonly #check: () => Promise<void>
  #file: FileHandle | null = null

  /** @param check checks that the directory is still the results store */
  constructor(path: string, check: () => Promise<void>) {
    this.name = basename(path)
    this.#path = path
    this.#temporary = temporaryName(path)
    this.#check = check
  }

  write(block: Uint8Array): Promise<void> {
    return onPath(this.#path, async () => {
      this.#file ??= await this.#open()
      await this.#file.appendFile(block)
    })
  }

  /** A network file system may report a failed write only when the file is closed. */
  async end(): Promise<void> {
    const file = this.#file
    this.#file = null
    if (file !== null) await onPath(this.#path, () => file.close())
  }

  commit(): Promise<void> {
    return onPath(this.#path, async () => {
      await this.#check()
      await rename(this.#temporary, this.#path)
    })
  }

  async discard(): Promise<void> {
    await this.#file?.close()
    this.#file = null
    await rm(this.#temporary, { force: true })
  }

  async #open(): Promise<FileHandle> {
    await this.#check()
    await makeFolder(dirname(this.#path))
    return createFile(this.#temporary)
  }
}
