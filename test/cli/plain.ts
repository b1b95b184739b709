import type { Style } from '../../src/cli/screen.ts'

/** No colours. */
export const plain: Style = (_format, text) => text
