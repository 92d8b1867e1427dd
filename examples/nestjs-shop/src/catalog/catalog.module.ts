import { openCatalog, shop } from '@livetree/example-shop'
import { liveProvider } from '@livetree/nestjs'
import { Module } from '@nestjs/common'
import { ArticlesController } from './articles.controller.ts'
import { CATALOG, CatalogService } from './catalog.service.ts'

@Module({
  controllers: [ArticlesController],
  providers: [
    CatalogService,
    liveProvider(CATALOG, {
      of: shop,
      select: (c) => c.db,
      create: (db, { signal }) => openCatalog(db, signal),
      check: (candidate) => candidate.findArticle(1),
      dispose: (old) => old.end(),
    }),
  ],
})
export class CatalogModule {}
