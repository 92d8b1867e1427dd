import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common'
import type { Request } from 'express'
import { LogService } from './log.service.ts'

@Injectable()
export class RequestLogInterceptor implements NestInterceptor {
  readonly #service: LogService

  constructor(service: LogService) {
    this.#service = service
  }

  intercept(context: ExecutionContext, next: CallHandler) {
    const { url } = context.switchToHttp().getRequest<Request>()
    this.#service.log.debug({ url }, 'asked')
    return next.handle()
  }
}
