import gc, asyncio
async def test_a(): pass
def test_b(): pass
def test_d(): gc.collect()
async def test_e(): gc.collect()
async def test_f(): gc.collect()
def test_g(): gc.collect()
def test_h(): gc.collect(); 
