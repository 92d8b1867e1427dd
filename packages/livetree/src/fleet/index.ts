// `livetree/fleet`: for applications that report to operators whether a change was applied.
export type { FleetMember, FleetMemberStatus } from './fleet-member.ts'
export type { InstanceIssue, InstanceLayer, InstanceRecord } from './instance-record.ts'
export { joinFleet, type JoinFleetOptions } from './join-fleet.ts'
