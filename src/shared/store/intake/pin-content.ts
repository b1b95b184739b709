import { RefusedError, SourceError } from '../../base/errors.ts'
import type { DeletionRequest } from '../../contract/request.ts'
import { contentOfFile, type SourceFile } from '../../contract/source-file.ts'

/**
 * Names the bytes of a `file` source by their digest, where this process sees the file: from then on
 * the request is about these bytes, and neither a planner nor a repeated submit takes others for them.
 * A file that cannot be read here is left to whoever plans it: it may lie on another machine.
 *
 * @param places where files may be read here, and by this caller
 */
export async function pinContent(
  request: DeletionRequest,
  places: Omit<SourceFile, 'path'>,
  signal?: AbortSignal,
): Promise<DeletionRequest> {
  const { source } = request
  if (source.type !== 'file' || source.sha256 !== undefined || places.roots.length === 0)
    return request
  try {
    const { sha256 } = await contentOfFile({ path: source.path, ...places }, signal)
    return { ...request, source: { ...source, sha256 } }
  } catch (error) {
    if (error instanceof RefusedError || error instanceof SourceError) return request
    throw error
  }
}
