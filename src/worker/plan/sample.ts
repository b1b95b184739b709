import { ID_LENGTH } from '../../shared/contract/record-id.ts'

/** Ids of a plan, evenly spread over all of them, whose number is known only at the end. */
export class Sample {
  readonly #most: number
  #ids: Uint8Array[] = []
  /** One of so many ids is kept. */
  #stride = 1
  #seen = 0

  /** @param most ids of the sample; from half as many on, if there are as many */
  constructor(most: number) {
    this.#most = most
  }

  /** 15 bytes each. */
  get ids(): readonly Uint8Array[] {
    return this.#ids
  }

  /** Takes any number of canonical ids. */
  add(ids: Uint8Array): void {
    const count = ids.length / ID_LENGTH
    let at = (this.#stride - (this.#seen % this.#stride)) % this.#stride
    while (at < count) {
      if (this.#ids.length === this.#most) {
        this.#ids = this.#ids.filter((_, n) => n % 2 === 0)
        this.#stride *= 2
        at += (this.#stride - ((this.#seen + at) % this.#stride)) % this.#stride
        continue
      }
      this.#ids.push(ids.slice(at * ID_LENGTH, (at + 1) * ID_LENGTH))
      at += this.#stride
    }
    this.#seen += count
  }
}
