export { registerGrpcResolver, type GrpcResolverOptions } from './grpc-resolver.ts'
