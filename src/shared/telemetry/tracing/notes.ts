import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Attributes, trace } from '@opentelemetry/api'
import { FACTS_CHANNEL, type TraceFacts } from '../../base/trace.ts'
import { OTHER_OBJECT } from '../metrics/labels.ts'
import { fail } from './failure.ts'

/**
 * What is noted of a piece of work becomes attributes of its span.
 *
 * @param objects that may be deleted: a caller may write any word, and only these are shown
 * @returns to be called when nothing is to be traced any more
 */
export function traceNotes(objects: ReadonlySet<string>): () => void {
  const listener = (message: unknown) => {
    const span = trace.getActiveSpan()
    if (span === undefined) return
    // Published by `addFacts` alone.
    const facts = message as TraceFacts
    span.setAttributes(attributesOf(facts, objects))
    if (facts.status === 'failed') fail(span)
  }
  subscribe(FACTS_CHANNEL, listener)
  return () => void unsubscribe(FACTS_CHANNEL, listener)
}

function attributesOf(facts: TraceFacts, objects: ReadonlySet<string>): Attributes {
  const { object, requests } = facts
  const known = object === undefined || objects.has(object) ? object : OTHER_OBJECT
  return {
    ...given('expunge.org', facts.org),
    ...given('expunge.request.id', requests && [...new Set(requests)].join(' ')),
    ...given('expunge.object', known),
    ...given('expunge.operation', facts.operation),
    ...given('expunge.records', facts.records),
    ...given('expunge.status', facts.status),
    ...given('expunge.ingest.order', facts.order),
    ...given('expunge.ingest.job.id', facts.ingestJob),
    ...given('expunge.ingest.job.state', facts.state),
    ...given('error.type', facts.error),
  }
}

function given(name: string, value: string | number | undefined): Attributes {
  return value === undefined ? {} : { [name]: value }
}
