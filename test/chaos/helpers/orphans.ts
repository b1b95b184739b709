import process from 'node:process'

/** A child must not outlive whoever started it, by whatever death: the channel to it closes then. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit(1))
}
