import { bool, id64, nested, repeated, string } from './field.ts'
import { ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** A member without a name has been added but has not started yet. */
export const Member = message('Member', {
  id: id64(1),
  name: string(2),
  peerUrls: repeated(string(3)),
  clientUrls: repeated(string(4)),
  isLearner: bool(5),
})
export type Member = Decoded<typeof Member>

export const MemberAddRequest = message('MemberAddRequest', {
  peerUrls: repeated(string(1)),
  isLearner: bool(2),
})
export type MemberAddRequest = Decoded<typeof MemberAddRequest>

export const MemberAddResponse = message('MemberAddResponse', {
  header: nested(1, () => ResponseHeader),
  member: nested(2, () => Member),
  members: repeated(nested(3, () => Member)),
})
export type MemberAddResponse = Decoded<typeof MemberAddResponse>

export const MemberRemoveRequest = message('MemberRemoveRequest', { id: id64(1) })
export type MemberRemoveRequest = Decoded<typeof MemberRemoveRequest>

export const MemberRemoveResponse = message('MemberRemoveResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
})
export type MemberRemoveResponse = Decoded<typeof MemberRemoveResponse>

export const MemberUpdateRequest = message('MemberUpdateRequest', {
  id: id64(1),
  peerUrls: repeated(string(2)),
})
export type MemberUpdateRequest = Decoded<typeof MemberUpdateRequest>

export const MemberUpdateResponse = message('MemberUpdateResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
})
export type MemberUpdateResponse = Decoded<typeof MemberUpdateResponse>

export const MemberListRequest = message('MemberListRequest', { linearizable: bool(1) })
export type MemberListRequest = Decoded<typeof MemberListRequest>

export const MemberListResponse = message('MemberListResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
})
export type MemberListResponse = Decoded<typeof MemberListResponse>

export const MemberPromoteRequest = message('MemberPromoteRequest', { id: id64(1) })
export type MemberPromoteRequest = Decoded<typeof MemberPromoteRequest>

export const MemberPromoteResponse = message('MemberPromoteResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
})
export type MemberPromoteResponse = Decoded<typeof MemberPromoteResponse>
