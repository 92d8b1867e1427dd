import { bool, id64, named, nested, repeated, string } from './field.ts'
import { ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** One member of the cluster. Its name is empty until the added member has started. */
export const Member = message('Member', {
  id: named('ID', id64(1)),
  name: string(2),
  peerUrls: named('peerURLs', repeated(string(3))),
  clientUrls: named('clientURLs', repeated(string(4))),
  isLearner: named('isLearner', bool(5)),
})
export type Member = Decoded<typeof Member>

/** Adds a member. A learner receives the log and has no vote. */
export const MemberAddRequest = message('MemberAddRequest', {
  peerUrls: named('peerURLs', repeated(string(1))),
  isLearner: named('isLearner', bool(2)),
})
export type MemberAddRequest = Decoded<typeof MemberAddRequest>

/** The new member, and all members after the change. */
export const MemberAddResponse = message('MemberAddResponse', {
  header: nested(1, () => ResponseHeader),
  member: nested(2, () => Member),
  members: repeated(nested(3, () => Member)),
})
export type MemberAddResponse = Decoded<typeof MemberAddResponse>

/** Removes a member. */
export const MemberRemoveRequest = message('MemberRemoveRequest', { id: named('ID', id64(1)) })
export type MemberRemoveRequest = Decoded<typeof MemberRemoveRequest>

/** All members after the change. */
export const MemberRemoveResponse = message('MemberRemoveResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
})
export type MemberRemoveResponse = Decoded<typeof MemberRemoveResponse>

/** Replaces the peer URLs of a member. */
export const MemberUpdateRequest = message('MemberUpdateRequest', {
  id: named('ID', id64(1)),
  peerUrls: named('peerURLs', repeated(string(2))),
})
export type MemberUpdateRequest = Decoded<typeof MemberUpdateRequest>

/** All members after the change. */
export const MemberUpdateResponse = message('MemberUpdateResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
})
export type MemberUpdateResponse = Decoded<typeof MemberUpdateResponse>

/** Asks for the members. With `linearizable` the leader confirms the list; otherwise it may be outdated. */
export const MemberListRequest = message('MemberListRequest', { linearizable: bool(1) })
export type MemberListRequest = Decoded<typeof MemberListRequest>

/** All members. */
export const MemberListResponse = message('MemberListResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
})
export type MemberListResponse = Decoded<typeof MemberListResponse>

/** Makes a learner a voting member. */
export const MemberPromoteRequest = message('MemberPromoteRequest', { id: named('ID', id64(1)) })
export type MemberPromoteRequest = Decoded<typeof MemberPromoteRequest>

/** All members after the change. */
export const MemberPromoteResponse = message('MemberPromoteResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
})
export type MemberPromoteResponse = Decoded<typeof MemberPromoteResponse>
