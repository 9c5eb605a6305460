// Where MikroORM notes what it has applied; here, since looking it up must not load MikroORM.
export const ormTable = "mikro_orm_migrations";
