import { EtcdError } from '../errors.ts'
import { encodeFrame } from '../wire/frame.ts'
import type { Init } from '../wire/message-type.ts'
import type { Method } from '../wire/rpc.ts'
import { callName } from './call-name.ts'

/**
 * Encodes a request as a frame. Any invalid value results in an EtcdError.
 *
 * @throws EtcdError `invalid_argument`
 */
export function encodeRequest<Req>(
  { path, request: type }: Pick<Method<Req, unknown>, 'path' | 'request'>,
  request: Init<Req>,
): Buffer {
  try {
    return encodeFrame(type, request)
  } catch (cause) {
    if (cause instanceof EtcdError) throw cause
    const what = 'a value of the request has the wrong type'
    throw new EtcdError('invalid_argument', { call: callName(path), what, cause })
  }
}
