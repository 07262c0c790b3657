"""/backup-logs and /restore-logs: backups that are known to work, and putting one back."""

from typing import Annotated

from fastapi import Depends, Response

from truestyle.auth.errors import StepUpRequired
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.backups import service
from truestyle.backups.models import (
    AppendOnly,
    BackupChange,
    BackupCreate,
    BackupLog,
    Begun,
    NotGood,
    RestoreChange,
    RestoreCreate,
    RestoreLog,
)
from truestyle.backups.service import BackupFilters, RestoreFilters
from truestyle.deps import Db, ShopDep, Version, allowed
from truestyle.infra.http.route import changing, router
from truestyle.kit.errors import NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id

backups = router("/backup-logs", tag="Backups")
restores = router("/restore-logs", tag="Backups")
Reader = Annotated[Caller, allowed(Permission.BACKUPS_READ)]
Writer = Annotated[Caller, allowed(Permission.BACKUPS_WRITE)]
Careful = Annotated[Caller, allowed(Permission.BACKUPS_WRITE, step_up=True)]
Restorer = Annotated[Caller, allowed(Permission.BACKUPS_RESTORE, step_up=True)]
Query = Annotated[PageQuery, paging("-created_at", "created_at")]


@backups.post("", status_code=201, responses=responses(StepUpRequired))
async def create_backup_log(body: BackupCreate, response: Response, shop: ShopDep, caller: Careful) -> BackupLog:
    """Have a backup made, once or again and again."""
    log = await service.ask(shop, caller, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/backup-logs/{log.id}"
    return log


@backups.get("")
async def list_backup_logs(
    store: Db, _: Reader, filters: Annotated[BackupFilters, Depends()], query: Query
) -> Page[BackupLog]:
    """The backups that were made, and those to come."""
    return (await service.find(store, filters, query)).page()


@backups.get("/{backup_id}", responses=responses(NotFound))
async def get_backup_log(backup_id: Id, store: Db, _: Reader) -> BackupLog:
    """One backup."""
    return await store.backup_logs.get(backup_id)


@changing(backups, "/{backup_id}", responses=responses(NotFound, Begun, VersionConflict))
async def change_backup_log(backup_id: Id, body: BackupChange, store: Db, _: Writer, version: Version) -> BackupLog:
    """Change its notes, or when it is made."""
    return await service.change(store, backup_id, body, version)


@backups.delete("/{backup_id}", status_code=204, responses=responses(NotFound, AppendOnly, StepUpRequired))
async def remove_backup_log(backup_id: Id, shop: ShopDep, _: Careful) -> None:
    """Remove a backup whose time is over, or one that is still to come."""
    await service.remove(shop, backup_id)


@restores.post("", status_code=201, responses=responses(NotFound, NotGood, StepUpRequired))
async def create_restore_log(body: RestoreCreate, response: Response, shop: ShopDep, caller: Restorer) -> RestoreLog:
    """Put a backup in the place of the store; everybody is signed out."""
    log = await service.ask_restore(shop, caller, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/restore-logs/{log.id}"
    return log


@restores.get("")
async def list_restore_logs(
    store: Db, _: Reader, filters: Annotated[RestoreFilters, Depends()], query: Query
) -> Page[RestoreLog]:
    """The restores that were made."""
    return (await service.find_restores(store, filters, query)).page()


@restores.get("/{restore_id}", responses=responses(NotFound))
async def get_restore_log(restore_id: Id, store: Db, _: Reader) -> RestoreLog:
    """One restore."""
    return await store.restore_logs.get(restore_id)


@changing(restores, "/{restore_id}", responses=responses(NotFound, VersionConflict))
async def change_restore_log(restore_id: Id, body: RestoreChange, store: Db, _: Writer, version: Version) -> RestoreLog:
    """Change its notes."""
    return await service.change_restore(store, restore_id, body, version)


@restores.delete("/{restore_id}", status_code=204, responses=responses(NotFound, AppendOnly, StepUpRequired))
async def remove_restore_log(restore_id: Id, shop: ShopDep, _: Careful) -> None:
    """Remove the row of a restore whose time is over."""
    await service.remove_restore(shop, restore_id)
