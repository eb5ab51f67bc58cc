from mockserver.http.endpoint import Api
from mockserver.http.messages import Reply
from mockserver.vendors.vendor import Vendor
from pydantic_core import from_json
def mk(name,prefixes,key,bare):
    api=Api(name,name,"0",prefixes,[],key,bare,lambda e:Reply.json({"detail":str(e)},400),lambda:Reply.json({},500),from_json,{},10**7)
    return Vendor(api,[],lambda w:None,lambda w:[])
