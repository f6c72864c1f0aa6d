# Of OpenWrt's rules.mk what the recipe calls.
INCLUDE_DIR := $(TOPDIR)
INSTALL_BIN := install -m0755
INSTALL_DIR := install -d -m0755
INSTALL_DATA := install -m0644
INSTALL_CONF := install -m0600

# What it passes to compilers: by default, and for routers with a 24Kc or one like it but for -msoft-float,
# which Debian's libraries are not made for.
ARCH ?= x86_64
TARGET_CFLAGS := -Os -pipe -g3
TARGET_LDFLAGS :=
ifeq ($(ARCH),mipsel)
TARGET_CFLAGS := -Os -pipe -mno-branch-likely -mips32r2 -mtune=24kc -fno-caller-saves -fno-plt -mips16 \
	-minterlink-mips16 -fstack-protector -D_FORTIFY_SOURCE=1 -Wl,-z,now -Wl,-z,relro
TARGET_LDFLAGS := -znow -zrelro
endif
