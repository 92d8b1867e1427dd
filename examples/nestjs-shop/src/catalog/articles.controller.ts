import { Controller, Get, Param, ParseIntPipe } from '@nestjs/common'
import { CatalogService } from './catalog.service.ts'

@Controller()
export class ArticlesController {
  readonly #service: CatalogService

  constructor(service: CatalogService) {
    this.#service = service
  }

  @Get('articles/:id')
  article(@Param('id', ParseIntPipe) id: number) {
    return this.#service.quote(id)
  }

  @Get('pool')
  pool() {
    return this.#service.pool()
  }
}
