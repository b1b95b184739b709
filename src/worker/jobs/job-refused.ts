import { UnrecoverableError } from 'bullmq'
import type { ReceiptError } from '../../shared/contract/receipt.ts'

/**
 * Fails the job, whatever attempts its sender gave it. BullMQ keeps the message as `failedReason`
 * and the stack beside it; where in our code it was thrown is of no use there.
 */
export class JobRefusedError extends UnrecoverableError {
  readonly code: string

  constructor(request: string, { code, message }: ReceiptError) {
    super(`${code}: ${sentence(message)} The receipt is under request ${request}.`)
    this.code = code
    this.stack = ''
  }
}

/** What a field's fault is ends without a full stop. */
const sentence = (message: string): string => (message.endsWith('.') ? message : `${message}.`)
