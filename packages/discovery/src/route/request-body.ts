import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { BodyKind } from './retry-rules.ts'

/** Whether the body of a request can be sent (again). */
export function bodyKind(body: Dispatcher.DispatchOptions['body'], wasSent: boolean): BodyKind {
  if (body === undefined || body === null || typeof body === 'string') return 'replayable'
  if (ArrayBuffer.isView(body) || (body as unknown) instanceof ArrayBuffer) return 'replayable'
  if (wasSent) return 'used'
  const isRead = body instanceof Readable && (Readable.isDisturbed(body) || body.destroyed)
  return isRead ? 'used' : 'untouched'
}

/** True for an error that the body itself has raised. */
export function isErrorOfBody(body: Dispatcher.DispatchOptions['body'], error: unknown): boolean {
  return body instanceof Readable && body.errored !== null && body.errored === error
}
