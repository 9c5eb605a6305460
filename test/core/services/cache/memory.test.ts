// Cache in memory.
import { memoryCache } from "../../../../src/core/services/cache/memory.ts";
import { cacheConformance } from "../../../conformance/cache.ts";
import { openProvider } from "../../../support/services.ts";

cacheConformance("memory", (options = {}) => openProvider(memoryCache, { options }));
