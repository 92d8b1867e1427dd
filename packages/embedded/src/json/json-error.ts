import { GRPC_CODE, StatusError } from '../status.ts'

/** A request that is not JSON, or not JSON of its message. Its text is that of etcd's gateway. */
export class JsonError extends StatusError {
  constructor(message: string) {
    super(GRPC_CODE.invalidArgument, message)
    this.name = 'JsonError'
  }
}
