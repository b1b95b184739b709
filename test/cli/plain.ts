import type { Style } from '../../src/cli/styled-text.ts'

/** No colours. */
export const plain: Style = (_format, text) => text
