export { policySchema } from './policy-schema.ts'
