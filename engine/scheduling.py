"""Pure: who starts next."""
from dataclasses import dataclass
from engine.locks import *
PASSED_OVER_LIMIT=8
@dataclass(frozen=True)
class ReadyTask:
    id:str; claims:tuple; priority:int; level:float; queued_at:float; order:int; passed_over:int; moved:int=0
def rank(t): return (-t.priority,t.moved,-t.level,t.queued_at,t.order)
@dataclass(frozen=True)
class Decision:
    start:tuple; held:dict; passed:tuple; reserve:tuple
def dispatch(ready,free,table,at,*,limit=8,room=lambda i:True):
    start=[];held={};passed=[];reserve=[]
    for t in sorted(ready,key=rank):
        if free<=0: break
        if not room(t.id): continue
        b=table.conflicts(t.id,t.claims)
        if b: held[t.id]=b; continue
        table.grant(t.id,t.claims,at); start.append(t.id); free-=1
        for h in held:
            if h not in passed: passed.append(h)
    for t in ready:
        if t.id in passed and t.passed_over+1>=limit: reserve.append(t.id)
    return Decision(tuple(start),held,tuple(passed),tuple(reserve))
@dataclass(frozen=True)
class Bound:
    seconds:float;kind:str;sentence:str;tasks:tuple
def lower_bound(*a): return Bound(0,"none","",())
