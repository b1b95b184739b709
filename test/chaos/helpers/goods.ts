import { Readable } from 'node:stream'
import type {
  DeletionRequestInput,
  Producer,
  SubmitAnswer,
} from '../../../src/producer/producer.ts'

/** What a caller brings: a request, and the bytes of one that uploads. As JSON it goes to a process. */
export interface Goods {
  readonly request: DeletionRequestInput
  readonly csv?: string
}

export function submitGoods(producer: Producer, { request, csv }: Goods): Promise<SubmitAnswer> {
  return producer.submit(request, csv === undefined ? undefined : Readable.from([Buffer.from(csv)]))
}
